"""Selfright beside a service that is not ours: it draws by the plan and tells what it served."""
