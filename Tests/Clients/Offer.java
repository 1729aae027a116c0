import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/**
 * Asks by Java's own client, which Spring's RestClient uses, as it comes: it offers HTTP/2 with the first request of a connection.
 *
 * <p>java Offer.java URL
 */
class Offer {
  public static void main(String[] arguments) throws Exception {
    // A new client has no connection yet, so that each request makes the offer.
    ask(HttpRequest.newBuilder(URI.create(arguments[0] + "/v1/models")).GET().build());
    HttpRequest post =
        HttpRequest.newBuilder(URI.create(arguments[0] + "/predict"))
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString("{\"input\": \"Call now to claim your prize\"}"))
            .build();
    ask(post);
    System.out.println("ok   offer_of_http2_with_java");
  }

  private static void ask(HttpRequest request) throws Exception {
    HttpClient client = HttpClient.newHttpClient();
    for (int time = 0; time < 2; time++) {
      HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
      if (answer.statusCode() != 200 || answer.version() != HttpClient.Version.HTTP_1_1) {
        throw new IllegalStateException(answer.version() + " " + answer.statusCode() + " " + answer.body());
      }
    }
  }
}
