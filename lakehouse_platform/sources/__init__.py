"""Source databases, behind one interface."""
