package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"

	"github.com/tmaxmax/go-sse"
)

func main() {
	left, _ := strconv.Atoi(os.Getenv("NOTIFICATIONS"))
	request, err := http.NewRequest("GET", os.Getenv("URL"), nil)
	if err != nil {
		panic(err)
	}
	request.Header.Set("Authorization", "Bearer "+os.Getenv("TOKEN"))
	connection := sse.NewConnection(request)
	connection.SubscribeToAll(func(event sse.Event) {
		var data json.RawMessage
		if err := json.Unmarshal([]byte(event.Data), &data); err != nil {
			panic(err)
		}
		line, _ := json.Marshal(map[string]any{"event": event.Type, "id": event.LastEventID, "data": data})
		fmt.Println(string(line))
		if event.Type == "notification" {
			left--
		}
		if left == 0 {
			os.Exit(0)
		}
	})
	panic(connection.Connect())
}
