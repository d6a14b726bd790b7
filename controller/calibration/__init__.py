"""How often rules that act would act on a healthy service: from readings, ahead of time. Pure."""
