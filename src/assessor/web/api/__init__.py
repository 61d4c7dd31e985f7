"""Routers below /api/v1; each is listed in `app.ROUTERS`."""
