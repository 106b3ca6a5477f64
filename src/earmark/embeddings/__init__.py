"""Room: embeddings."""
