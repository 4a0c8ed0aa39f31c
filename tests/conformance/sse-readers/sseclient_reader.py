import json, os, sys
import requests
import sseclient

left = int(os.environ["NOTIFICATIONS"])
headers = {"Authorization": "Bearer " + os.environ["TOKEN"], "Accept": "text/event-stream"}
response = requests.get(os.environ["URL"], stream=True, headers=headers, timeout=20)
for event in sseclient.SSEClient(response).events():
    print(json.dumps({"event": event.event, "id": event.id, "data": json.loads(event.data)}), flush=True)
    left -= event.event == "notification"
    if left == 0:
        sys.exit(0)
