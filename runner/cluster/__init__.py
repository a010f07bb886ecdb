"""Kubernetes manifests of a pipeline, as plain values; nothing here speaks to a cluster."""
