"""The platform on one machine: what `make up`, `make down` and `make reset` run."""

import warnings

# the embedded server asks for a runtime folder that most containers lack, and then uses a temporary one
warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
