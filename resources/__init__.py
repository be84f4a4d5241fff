"""This lakehouse's environments, one file each, and what they call for their secrets."""
