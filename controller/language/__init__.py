"""The playbook language: YAML text to checked playbooks, with located one-line errors."""
