"""Settings shared by all tests."""

import os

from hypothesis import HealthCheck, settings

# Examples are few by default so that `make test` stays quick; HYPOTHESIS_PROFILE=thorough runs more.
settings.register_profile("quick", max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
settings.register_profile("thorough", max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
