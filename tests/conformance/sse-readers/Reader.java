import com.launchdarkly.eventsource.ConnectStrategy;
import com.launchdarkly.eventsource.EventSource;
import com.launchdarkly.eventsource.MessageEvent;
import java.net.URI;
import okhttp3.Headers;

public class Reader {
  public static void main(String[] arguments) throws Exception {
    int left = Integer.parseInt(System.getenv("NOTIFICATIONS"));
    ConnectStrategy connect =
        ConnectStrategy.http(URI.create(System.getenv("URL")))
            .headers(Headers.of("Authorization", "Bearer " + System.getenv("TOKEN")));
    try (EventSource source = new EventSource.Builder(connect).build()) {
      for (MessageEvent event : source.messages()) {
        System.out.printf(
            "{\"event\":\"%s\",\"id\":\"%s\",\"data\":%s}%n",
            event.getEventName(), event.getLastEventId() == null ? "" : event.getLastEventId(), event.getData());
        if (event.getEventName().equals("notification")) left -= 1;
        if (left == 0) System.exit(0);
      }
    }
  }
}
