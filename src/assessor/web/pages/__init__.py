"""Routers that answer HTML; each is listed in `app.ROUTERS`."""
