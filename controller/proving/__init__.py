"""A bounded model check of a whole set of playbooks: see README.md."""
