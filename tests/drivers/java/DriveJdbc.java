import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;

/** JDBC: names from the first execution and from the fifth, fetch sizes, batches, read only, COPY. */
public final class DriveJdbc {
  private static Connection connect(String... settings) throws SQLException {
    Properties properties = new Properties();
    properties.setProperty("user", System.getenv("PGUSER"));
    properties.setProperty("password", System.getenv("PGPASSWORD"));
    // No statement gets a name, unless the check is about names.
    properties.setProperty("prepareThreshold", "0");
    for (int i = 0; i < settings.length; i += 2) {
      properties.setProperty(settings[i], settings[i + 1]);
    }
    return DriverManager.getConnection("jdbc:postgresql://" + System.getenv("PGHOST") + ":"
        + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE"), properties);
  }

  private interface Work<T> {
    void with(T own) throws Exception;
  }

  private static void connected(int count, Work<List<Connection>> work, String... settings)
      throws Exception {
    List<Connection> crowd = new ArrayList<>();
    try {
      for (int i = 0; i < count; ++i) crowd.add(connect(settings));
      work.with(crowd);
    } finally {
      for (Connection one : crowd) one.close();
    }
  }

  /** The only column of the only row. */
  private static Object ask(Connection connection, String sql, Object... parameters)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      for (int i = 0; i < parameters.length; ++i) statement.setObject(i + 1, parameters[i]);
      ResultSet rows = statement.executeQuery();
      Object found = rows.next() ? rows.getObject(1) : "no row";
      return rows.next() ? "more than a row" : found;
    }
  }

  private static void tell(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  private static void refused(String sqlstate, Report.Body body) throws Exception {
    try {
      body.run();
    } catch (SQLException error) {
      if (sqlstate.equals(error.getSQLState())) return;
      throw error;
    }
    throw new IllegalStateException("no error " + sqlstate);
  }

  private static void values() throws Exception {
    connected(1, crowd -> {
      Object[] row = {7, 1L << 40, "Grüße ☂", "\0ÿ".getBytes(StandardCharsets.ISO_8859_1),
          new BigDecimal("1.50"), java.sql.Timestamp.valueOf("2024-02-29 12:30:00"), null, true, 0.1};
      String[] types = {"int", "bigint", "text", "bytea", "numeric", "timestamp", "text", "bool",
          "float8"};
      for (int i = 0; i < row.length; ++i) {
        Report.same(ask(crowd.get(0), "SELECT ?::" + types[i], row[i]), row[i]);
      }
      Object found = ask(crowd.get(0), "SELECT ARRAY[1, NULL, 3]");
      Report.same(((java.sql.Array) found).getArray(), new Integer[] {1, null, 3});
      String text = "☂x".repeat(1_000_000);
      Report.same(ask(crowd.get(0), "SELECT ?::text", text), text);
    });
  }

  private static void errors() throws Exception {
    connected(1, crowd -> {
      Connection one = crowd.get(0);
      for (int i = 0; i < 3; ++i) {
        refused("22012", () -> ask(one, "SELECT 1/?::int", 0));
        refused("42601", () -> tell(one, "SELEKT"));
        Report.same(ask(one, "SELECT 7"), 7);
      }
    });
  }

  private static void transaction() throws Exception {
    connected(2, crowd -> {
      Connection one = crowd.get(0);
      tell(one, "CREATE TABLE kept (n int)");
      one.setAutoCommit(false);
      for (boolean kept : new boolean[] {false, true}) {
        tell(one, "INSERT INTO kept VALUES (1)");
        Savepoint before = one.setSavepoint();
        refused("22012", () -> tell(one, "SELECT 1/0"));
        refused("25P02", () -> tell(one, "SELECT 1"));
        one.rollback(before);
        Report.same(ask(one, "SELECT count(*) FROM kept"), 1L);
        Report.same(ask(crowd.get(1), "SELECT count(*) FROM kept"), 0L);
        if (kept) one.commit(); else one.rollback();
      }
      Report.same(ask(crowd.get(1), "SELECT count(*) FROM kept"), 1L);
    });
  }

  /** Everyone has one statement open all the time, as a name needs it. */
  private static void parameters(String threshold) throws Exception {
    connected(Report.CROWD, crowd -> {
      List<PreparedStatement> statements = new ArrayList<>();
      for (int i = 0; i < crowd.size(); ++i) {
        statements.add(crowd.get(i).prepareStatement("SELECT " + i + " + ?::int"));
      }
      for (int turn = 0; turn < Report.ROUNDS; ++turn) {
        for (int i = 0; i < crowd.size(); ++i) {
          statements.get(i).setInt(1, 100 * turn);
          ResultSet rows = statements.get(i).executeQuery();
          rows.next();
          Report.same(rows.getInt(1), i + 100 * turn);
        }
      }
    }, "prepareThreshold", threshold);
  }

  private static void fetchSize() throws Exception {
    connected(1, crowd -> {
      crowd.get(0).setAutoCommit(false);
      try (Statement statement = crowd.get(0).createStatement()) {
        statement.setFetchSize(7);
        ResultSet rows = statement.executeQuery("SELECT generate_series(1, 1000)");
        int count = 0;
        while (rows.next()) Report.same(rows.getInt(1), ++count);
        Report.same(count, 1000);
      }
      crowd.get(0).commit();
    });
  }

  private static void batch(String... settings) throws Exception {
    connected(1, crowd -> {
      Connection one = crowd.get(0);
      tell(one, "DROP TABLE IF EXISTS batched; CREATE TABLE batched (n int PRIMARY KEY)");
      try (PreparedStatement insert = one.prepareStatement("INSERT INTO batched VALUES (?)")) {
        for (int i = 0; i < 500; ++i) {
          insert.setInt(1, i);
          insert.addBatch();
        }
        Report.same(insert.executeBatch().length, 500);
        Report.same(ask(one, "SELECT count(*) FROM batched"), 500L);
        insert.setInt(1, 500);
        insert.addBatch();
        insert.setInt(1, 7);
        insert.addBatch();
        refused("23505", insert::executeBatch);
      }
      Report.same(ask(one, "SELECT 7"), 7);
    }, settings);
  }

  /** As the settings say, within transactions or of the session. */
  private static void readOnly(boolean autoCommit, String... settings) throws Exception {
    connected(2, crowd -> {
      Connection one = crowd.get(0);
      tell(one, "CREATE TABLE written_" + autoCommit + " (n int)");
      String insert = "INSERT INTO written_" + autoCommit + " VALUES (1)";
      one.setAutoCommit(autoCommit);
      one.setReadOnly(true);
      refused("25006", () -> tell(one, insert));
      if (!autoCommit) one.rollback();
      tell(crowd.get(1), insert);
      one.setReadOnly(false);
      tell(one, insert);
      if (!autoCommit) one.commit();
      Report.same(ask(one, "SELECT count(*) FROM written_" + autoCommit), 2L);
    }, settings);
  }

  private static void copyIn() throws Exception {
    connected(1, crowd -> {
      tell(crowd.get(0), "CREATE TABLE copied (n int)");
      StringBuilder text = new StringBuilder();
      for (int i = 0; i < 1000; ++i) text.append(i).append("\n");
      PGConnection one = crowd.get(0).unwrap(PGConnection.class);
      String sql = "COPY copied FROM STDIN";
      Report.same(one.getCopyAPI().copyIn(sql, new StringReader(text.toString())), 1000L);
      refused("22P02", () -> one.getCopyAPI().copyIn(sql, new StringReader("no number\n")));
      Report.same(ask(crowd.get(0), "SELECT sum(n) FROM copied"), 499500L);
    });
  }

  private static void copyOut() throws Exception {
    connected(1, crowd -> {
      StringWriter text = new StringWriter();
      Report.same(crowd.get(0).unwrap(PGConnection.class).getCopyAPI()
          .copyOut("COPY (SELECT generate_series(1, 1000)) TO STDOUT", text), 1000L);
      Report.same(text.toString().split("\n").length, 1000);
      Report.same(ask(crowd.get(0), "SELECT 7"), 7);
    });
  }

  private static void cancel() throws Exception {
    ExecutorService thread = Executors.newSingleThreadExecutor();
    connected(2, crowd -> {
      for (int i = 0; i < 3; ++i) {
        try (Statement asleep = crowd.get(0).createStatement()) {
          Future<?> ended = thread.submit(() -> {
            refused("57014", () -> asleep.execute("SELECT pg_sleep(20)"));
            return null;
          });
          waitUntilAsleep(crowd.get(1));
          asleep.cancel();
          ended.get();
        }
        Report.same(ask(crowd.get(0), "SELECT 7"), 7);
      }
    });
  }

  private static void waitUntilAsleep(Connection other) throws Exception {
    long deadline = System.currentTimeMillis() + 5 * Report.MILLISECONDS_MAX;
    while (ask(other, "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> "
        + "pg_backend_pid() AND datname = current_database() AND query LIKE '%pg_sleep%'")
        .equals(0L)) {
      if (System.currentTimeMillis() > deadline) throw new IllegalStateException("it does not run");
    }
  }

  private static void concurrency(String... settings) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(Report.WORKERS);
    connected(Report.WORKERS, crowd -> {
      tell(crowd.get(0), "DROP TABLE IF EXISTS done; CREATE TABLE done (worker int)");
      List<Future<?>> all = new ArrayList<>();
      for (int i = 0; i < crowd.size(); ++i) {
        final int worker = i;
        all.add(threads.submit(() -> {
          work(crowd.get(worker), worker);
          return null;
        }));
      }
      for (Future<?> one : all) one.get();
      Report.same(ask(crowd.get(0), "SELECT count(*) FROM done"),
          (long) Report.WORKERS * Report.ROUNDS);
    }, settings);
  }

  private static void work(Connection own, int worker) throws Exception {
    own.setAutoCommit(false);
    for (int turn = 0; turn < Report.ROUNDS; ++turn) {
      tell(own, "INSERT INTO done VALUES (" + worker + ")");
      Report.same(ask(own, "SELECT ?::int", worker * 1000 + turn), worker * 1000 + turn);
      own.commit();
    }
    own.setAutoCommit(true);
  }

  private static void listen() throws Exception {
    connected(2, crowd -> {
      tell(crowd.get(0), "LISTEN news");
      tell(crowd.get(1), "NOTIFY news, 'hello'");
      PGNotification[] came = crowd.get(0).unwrap(PGConnection.class)
          .getNotifications(Report.MILLISECONDS_MAX);
      Report.same(Arrays.stream(came == null ? new PGNotification[0] : came)
          .map(PGNotification::getParameter).toList(), List.of("hello"));
    });
  }

  private static void startupSettings() throws Exception {
    connected(1, crowd -> {
      Report.same(ask(crowd.get(0), "SHOW work_mem"), "1234kB");
      Report.same(ask(crowd.get(0), "SHOW search_path"), "one");
    }, "options", "-c work_mem=1234kB", "currentSchema", "one");
  }

  private static void otherSettings() throws Exception {
    connected(Report.CROWD, crowd -> {
      for (int i = 0; i < crowd.size(); ++i) crowd.get(i).setSchema("schema_" + i);
      for (int i = 0; i < crowd.size(); ++i) {
        Report.same(ask(crowd.get(i), "SHOW search_path"), "schema_" + i);
      }
    });
  }

  public static void main(String[] arguments) {
    Report.check("values", DriveJdbc::values);
    Report.check("errors", DriveJdbc::errors);
    Report.check("transaction", DriveJdbc::transaction);
    Report.check("unnamed statements", () -> parameters("0"));
    Report.check("named statements", () -> parameters("1"));
    Report.check("statement cache", () -> parameters("5"));
    Report.check("simple protocol", () -> batch("preferQueryMode", "simple"));
    Report.check("server-side cursor", DriveJdbc::fetchSize);
    Report.check("batch", DriveJdbc::batch);
    Report.check("batch rewritten", () -> batch("reWriteBatchedInserts", "true"));
    Report.check("copy in", DriveJdbc::copyIn);
    Report.check("copy out", DriveJdbc::copyOut);
    Report.check("cancel", DriveJdbc::cancel);
    Report.check("concurrency", DriveJdbc::concurrency);
    Report.check("concurrency of named statements", () -> concurrency("prepareThreshold", "1"));
    Report.check("read only", () -> readOnly(false));
    Report.check("startup settings", DriveJdbc::startupSettings);
    Report.check("listen", DriveJdbc::listen);
    Report.check("read only session", () -> readOnly(true, "readOnlyMode", "always"));
    Report.check("other settings", DriveJdbc::otherSettings);
    Report.run("JDBC", org.postgresql.util.DriverInfo.DRIVER_VERSION);
  }
}
