"""LinkedIn: the address that opens its form "add licence or certification", filled in.

Comes in: what stands on the badge. Goes out: an address; nothing is sent anywhere by making it.

Source: LinkedIn, "Add to Profile" for certifications.
"""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote, urlencode

FORM = "https://www.linkedin.com/profile/add"


def add_url(
    *,
    name: str,
    issuer: str,
    awarded_at: datetime,
    valid_until: datetime | None,
    credential_url: str | None,
    credential_id: str,
) -> str:
    """The address that a learner opens to add a badge to their profile.

    Args:
        name: the achievement's.
        issuer: the organisation's name.
        awarded_at: with a time zone; LinkedIn takes its month.
        valid_until: the month it expires in, or None.
        credential_url: where the credential can be seen, or None where nothing is published.
        credential_id: as it stands in the credential.
    """
    fields = {
        "startTask": "CERTIFICATION_NAME",
        "name": name,
        "organizationName": issuer,
        "issueYear": str(awarded_at.astimezone(UTC).year),
        "issueMonth": str(awarded_at.astimezone(UTC).month),
    }
    if valid_until is not None:
        fields["expirationYear"] = str(valid_until.astimezone(UTC).year)
        fields["expirationMonth"] = str(valid_until.astimezone(UTC).month)
    if credential_url is not None:
        fields["certUrl"] = credential_url
    fields["certId"] = credential_id
    return f"{FORM}?{urlencode(fields, quote_via=quote)}"
