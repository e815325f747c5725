package marquee.launcher;

import java.io.IOException;
import java.lang.reflect.Method;

/**
 * Elasticsearch's own launcher, tied to the life of the process that holds the other end of standard input.
 *
 * <p>When that process ends, however it ends (kill -9 included), the kernel closes the pipe and the server is
 * shut down cleanly: no signal has to arrive, no process identifier has to be right, and it works on every
 * system. The server proper watches the launcher in the same way.
 */
public final class Launcher {

    private Launcher() {}

    public static void main(String[] arguments) throws Exception {
        Thread watcher = new Thread(Launcher::exitAtEndOfInput, "end-of-input");
        watcher.setDaemon(true);
        watcher.start();
        Method main = Class.forName("org.elasticsearch.launcher.CliToolLauncher").getDeclaredMethod("main", String[].class);
        main.setAccessible(true);
        main.invoke(null, (Object) arguments);
    }

    private static void exitAtEndOfInput() {
        try {
            while (System.in.read() >= 0) {
                // Nothing is ever said on it; only its end counts.
            }
        } catch (IOException error) {
            // A broken pipe is an end as well.
        }
        // Runs the launcher's shutdown hook, which stops the server and waits for it.
        System.exit(0);
    }
}
