"""A real one-node Kubernetes inside its own namespaces: built from released modules, gone without a trace."""
