"""Tests. A package, for pydomo installs one of the same name, which would be found first."""
