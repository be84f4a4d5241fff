"""The AWS account: clients for its services."""
