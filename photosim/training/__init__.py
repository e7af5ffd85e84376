"""Measuring how well a model ranks, and what training needs."""
