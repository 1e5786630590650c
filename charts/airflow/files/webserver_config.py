"""How users sign in: Airflow's own accounts. Mount another file here for OAuth in front."""

from flask_appbuilder.const import AUTH_DB

AUTH_TYPE = AUTH_DB
WTF_CSRF_ENABLED = True
