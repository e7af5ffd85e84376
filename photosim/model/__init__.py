"""The deep-ranking network: cards, weights, features and embeddings."""
