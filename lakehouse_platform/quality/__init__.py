"""Quality rules, as the gate applies them."""
