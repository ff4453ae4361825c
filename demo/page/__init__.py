"""The demo's one page: a shop, the email that its visitor has open, and what the pipeline counts."""
