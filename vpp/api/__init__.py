"""REST under ``/api/v1``: identity, problem documents, the door that routes and pages are handed."""
