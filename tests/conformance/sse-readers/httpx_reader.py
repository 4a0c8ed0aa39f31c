import json, os, sys
import httpx
from httpx_sse import connect_sse

left = int(os.environ["NOTIFICATIONS"])
headers = {"Authorization": "Bearer " + os.environ["TOKEN"]}
with httpx.Client(timeout=20) as client, connect_sse(client, "GET", os.environ["URL"], headers=headers) as source:
    for event in source.iter_sse():
        # What applications do with each event: an empty one fails here.
        print(json.dumps({"event": event.event, "id": event.id, "data": json.loads(event.data)}), flush=True)
        left -= event.event == "notification"
        if left == 0:
            sys.exit(0)
