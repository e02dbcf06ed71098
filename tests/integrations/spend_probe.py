"""A LiteLLM callback for tests: writes the spend-log payload of every success, with its call id, to SPEND_FILE."""

import json
import os

from litellm.integrations.custom_logger import CustomLogger


class SpendProbe(CustomLogger):
    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        from litellm.proxy.spend_tracking.spend_tracking_utils import get_logging_payload

        try:
            row = get_logging_payload(kwargs, response_obj, start_time, end_time)
        except Exception as error:
            row = {"error": repr(error)}
        row["litellm_call_id"] = kwargs.get("litellm_call_id")
        with open(os.environ["SPEND_FILE"], "a", encoding="utf-8") as out:
            out.write(json.dumps(row, default=str) + "\n")


probe = SpendProbe()
