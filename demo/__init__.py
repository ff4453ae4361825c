"""The whole product on one machine: embedded Pub/Sub, shop simulator, preview page.

Everything here exists to run, show and measure the product locally. Nothing in evermail/,
pipeline/ or functions/ imports it.
"""
