"""What is compared: the product's own model, and what the field measures against.

None of them samples or learns from the cases. A model that has fewer than the wanted items to say says fewer.
"""
