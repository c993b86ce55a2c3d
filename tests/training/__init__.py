"""Training: calls of its phases, gradients, and steps as rows."""
