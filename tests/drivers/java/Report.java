import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/** How a driver's program in Java tells what it found: as python/report.py, which says more. */
final class Report {
  /** So many at the same time, more than any pool has servers: workers; connections in turns. */
  static final int WORKERS = 20;
  static final int CROWD = 8;
  static final int ROUNDS = 10;
  static final int MILLISECONDS_MAX = 3000;

  interface Body {
    void run() throws Exception;
  }

  private static final Map<String, Body> checks = new LinkedHashMap<>();

  private Report() {}

  static void check(String name, Body body) {
    checks.put(name, body);
  }

  static void run(String driver, String version) {
    System.out.println("driver " + driver + " " + version);
    String only = System.getenv("PGWEIR_CHECK");
    checks.forEach((name, body) -> {
      if (only != null && !only.equals(name)) return;
      System.out.println("run " + name);
      try {
        body.run();
        System.out.println("ok " + name);
      } catch (Exception error) {
        System.out.println("not ok " + name + ": " + oneLine(error));
      }
    });
    System.exit(0);
  }

  private static String oneLine(Throwable error) {
    StringBuilder said = new StringBuilder();
    for (Throwable one = error; one != null; one = one.getCause()) said.append(one).append(" ");
    for (StackTraceElement frame : error.getStackTrace()) {
      if (!frame.getClassName().startsWith("Drive")) continue;
      said.append("(").append(frame.getFileName()).append(":").append(frame.getLineNumber());
      said.append(")");
      break;
    }
    return said.toString().replaceAll("\\s+", " ").trim();
  }

  /** Equal, and of the same type. */
  static void same(Object found, Object wanted) {
    if (!Objects.deepEquals(found, wanted)) {
      throw new IllegalStateException(found + " came, not " + wanted);
    }
  }
}
