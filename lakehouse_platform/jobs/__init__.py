"""What runs tables without an orchestrator: a project joined with an environment."""
