// Gets each URL of its arguments through the proxy of the system properties; prints the status and the body.
import java.net.HttpURLConnection;
import java.net.URL;

public class Fetch {
    public static void main(String[] urls) throws Exception {
        for (String url : urls) {
            HttpURLConnection connection = (HttpURLConnection) new URL(url).openConnection();
            int status = connection.getResponseCode();
            byte[] body = (status < 400 ? connection.getInputStream() : connection.getErrorStream()).readAllBytes();
            System.out.println(status + " " + new String(body).trim());
        }
    }
}
