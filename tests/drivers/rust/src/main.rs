//! tokio-postgres: every statement gets a name (s0, s1, ...), and what is asked at once is a pipeline.

mod report;

use std::time::Instant;

use bytes::Bytes;
use futures_util::future::{join_all, poll_fn, try_join_all};
use futures_util::{SinkExt, TryStreamExt};
use report::{check, refused, same, Error, Outcome, CROWD, ROUNDS, TIME_MAX, WORKERS};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver};
use tokio_postgres::{AsyncMessage, CancelToken, Client, Config, NoTls, SimpleQueryMessage};

fn of(name: &str) -> String {
    std::env::var(name).expect(name)
}

fn address() -> Config {
    let mut config = Config::new();
    config.host(&of("PGHOST")).port(of("PGPORT").parse().expect("PGPORT"));
    config.user(&of("PGUSER")).password(of("PGPASSWORD")).dbname(&of("PGDATABASE"));
    config
}

/// A client, and what comes to it unasked.
async fn connect_to(config: Config) -> Result<(Client, UnboundedReceiver<String>), Error> {
    let (client, mut connection) = config.connect(NoTls).await?;
    let (told, news) = unbounded_channel();
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(note) = message {
                let _ = told.send(note.payload().to_string());
            }
        }
    });
    Ok((client, news))
}

async fn connect() -> Result<Client, Error> {
    Ok(connect_to(address()).await?.0)
}

/// The first column of the first row, by the simple protocol, where nothing has a name.
async fn ask(client: &Client, sql: &str) -> Result<String, tokio_postgres::Error> {
    let answer = client.simple_query(sql).await?;
    Ok(answer
        .iter()
        .find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_string),
            _ => None,
        })
        .unwrap_or_default())
}

async fn values() -> Outcome {
    let client = connect().await?;
    let row = client
        .query_one(
            "SELECT $1::int, $2::bigint, $3::text, $4::bytea, $5::bool, $6::float8, $7::text, $8::int[]",
            &[&7i32, &(1i64 << 40), &"Grüße ☂", &vec![0u8, 255], &true, &0.1f64, &None::<String>,
              &vec![1i32, 2]],
        )
        .await?;
    same(row.get::<_, i32>(0), 7)?;
    same(row.get::<_, i64>(1), 1 << 40)?;
    same(row.get::<_, String>(2), "Grüße ☂".to_string())?;
    same(row.get::<_, Vec<u8>>(3), vec![0, 255])?;
    same(row.get::<_, bool>(4), true)?;
    same(row.get::<_, f64>(5), 0.1)?;
    same(row.get::<_, Option<String>>(6), None)?;
    same(row.get::<_, Vec<i32>>(7), vec![1, 2])
}

async fn simple_protocol() -> Outcome {
    let client = connect().await?;
    for turn in 0..ROUNDS {
        same(ask(&client, &format!("SELECT {turn}; SELECT 'last'")).await?, turn.to_string())?;
    }
    Ok(())
}

async fn errors() -> Outcome {
    let client = connect().await?;
    for _ in 0..3 {
        refused("22012", ask(&client, "SELECT 1/0").await)?;
        refused("42601", client.prepare("SELEKT").await)?;
        refused("22012", client.query("SELECT 1/$1::int", &[&0i32]).await)?;
        same(ask(&client, "SELECT 7").await?, "7".to_string())?;
    }
    Ok(())
}

async fn transaction() -> Outcome {
    let (mut one, other) = (connect().await?, connect().await?);
    one.batch_execute("CREATE TABLE kept (n int)").await?;
    {
        let mut own = one.build_transaction().read_only(false).start().await?;
        own.batch_execute("INSERT INTO kept VALUES (1)").await?;
        let deeper = own.transaction().await?;
        refused("22012", deeper.batch_execute("SELECT 1/0").await)?;
        deeper.rollback().await?;
        same(ask(&other, "SELECT count(*) FROM kept").await?, "0".to_string())?;
        own.commit().await?;
    }
    {
        let own = one.transaction().await?;
        own.batch_execute("INSERT INTO kept VALUES (2)").await?;
        // Dropped, it is rolled back.
    }
    same(ask(&one, "SELECT array_agg(n) FROM kept").await?, "{1}".to_string())
}

/// The same names in every session, for other texts.
async fn named_statements() -> Outcome {
    let mut crowd = Vec::new();
    for i in 0..CROWD {
        let client = connect().await?;
        let statement = client.prepare(&format!("SELECT {i} + $1::int")).await?;
        crowd.push((client, statement));
    }
    for turn in 0..ROUNDS {
        for (i, (client, statement)) in (0..).zip(&crowd) {
            let row = client.query_one(statement, &[&(100 * turn)]).await?;
            same(row.get::<_, i32>(0), i + 100 * turn)?;
        }
    }
    Ok(())
}

async fn pipeline() -> Outcome {
    let client = connect().await?;
    let texts: Vec<String> = (0..100).map(|i| format!("SELECT {i}")).collect();
    let answers = join_all(texts.iter().map(|text| ask(&client, text))).await;
    for (i, answer) in (0..).zip(answers) {
        same(answer?, format!("{i}"))?;
    }
    Ok(())
}

async fn pipeline_of_named_statements() -> Outcome {
    let client = connect().await?;
    let statement = client.prepare("SELECT 100 / $1::int").await?;
    let divisors: Vec<i32> = (0..100).collect();
    let answers = join_all(divisors.iter().map(|i| async {
        client.query_one(&statement, &[i as &(dyn tokio_postgres::types::ToSql + Sync)]).await
    }))
    .await;
    for (i, answer) in divisors.into_iter().zip(answers) {
        match i {
            0 => refused("22012", answer)?,
            _ => same(answer?.get::<_, i32>(0), 100 / i)?,
        }
    }
    Ok(())
}

/// A portal, executed in parts, a Sync after each.
async fn server_side_cursor() -> Outcome {
    let mut client = connect().await?;
    let own = client.transaction().await?;
    let portal = own.bind("SELECT generate_series(1, 100)", &[]).await?;
    let mut count = 0;
    loop {
        let rows = own.query_portal(&portal, 7).await?;
        for row in &rows {
            count += 1;
            same(row.get::<_, i32>(0), count)?;
        }
        if rows.len() < 7 {
            break;
        }
    }
    same(count, 100)?;
    own.commit().await?;
    Ok(())
}

async fn copy_in() -> Outcome {
    let client = connect().await?;
    client.batch_execute("CREATE TABLE copied (n int)").await?;
    let sink = client.copy_in("COPY copied FROM STDIN").await?;
    futures_util::pin_mut!(sink);
    for i in 0..1000 {
        sink.send(Bytes::from(format!("{i}\n"))).await?;
    }
    same(sink.finish().await?, 1000)?;
    same(ask(&client, "SELECT count(*) FROM copied").await?, "1000".to_string())
}

async fn copy_out() -> Outcome {
    let client = connect().await?;
    let stream = client.copy_out("COPY (SELECT generate_series(1, 1000)) TO STDOUT").await?;
    let parts: Vec<Bytes> = stream.try_collect().await?;
    let text: String = (1..=1000).map(|i| format!("{i}\n")).collect();
    same(String::from_utf8(parts.concat())?, text)?;
    same(ask(&client, "SELECT 7").await?, "7".to_string())
}

/// Sends it and waits for the end of its connection: by then it cannot hit what is asked next.
async fn send_cancel(token: CancelToken) -> Outcome {
    let mut stream = TcpStream::connect(format!("{}:{}", of("PGHOST"), of("PGPORT"))).await?;
    token.cancel_query_raw(&mut stream, NoTls).await?;
    stream.read_to_end(&mut Vec::new()).await?;
    Ok(())
}

async fn cancel() -> Outcome {
    let (one, other) = (connect().await?, connect().await?);
    for _ in 0..3 {
        let token = one.cancel_token();
        let seen_and_cancelled = async {
            let began = Instant::now();
            while ask(&other, "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> \
                 pg_backend_pid() AND datname = current_database() AND query LIKE '%pg_sleep%'")
                .await? == "0" {
                if began.elapsed() > TIME_MAX {
                    return Err("the statement to be cancelled does not run".into());
                }
            }
            send_cancel(token).await
        };
        let (ended, sent) = tokio::join!(ask(&one, "SELECT pg_sleep(20)"), seen_and_cancelled);
        sent?;
        refused("57014", ended)?;
        same(ask(&one, "SELECT 7").await?, "7".to_string())?;
    }
    Ok(())
}

async fn work(worker: i32) -> Outcome {
    let mut client = connect().await?;
    for turn in 0..ROUNDS {
        let own = client.transaction().await?;
        own.batch_execute(&format!("INSERT INTO done VALUES ({worker})")).await?;
        let answer = ask(own.client(), &format!("SELECT '{worker}/{turn}'")).await?;
        same(answer, format!("{worker}/{turn}"))?;
        own.commit().await?;
    }
    Ok(())
}

async fn concurrency() -> Outcome {
    let client = connect().await?;
    client.batch_execute("CREATE TABLE done (worker int)").await?;
    try_join_all((0..WORKERS).map(work)).await?;
    let count = ask(&client, "SELECT count(*) FROM done").await?;
    same(count, (WORKERS * ROUNDS).to_string())
}

async fn startup_settings() -> Outcome {
    let mut config = address();
    config.options("-c work_mem=1234kB");
    let (client, _) = connect_to(config).await?;
    same(ask(&client, "SHOW work_mem").await?, "1234kB".to_string())
}

async fn listen() -> Outcome {
    let (one, mut news) = connect_to(address()).await?;
    let other = connect().await?;
    one.batch_execute("LISTEN news").await?;
    other.batch_execute("NOTIFY news, 'hello'").await?;
    let came = tokio::time::timeout(TIME_MAX, news.recv()).await?;
    same(came, Some("hello".to_string()))
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!("driver tokio-postgres");
    check("values", values()).await;
    check("simple protocol", simple_protocol()).await;
    check("errors", errors()).await;
    check("transaction", transaction()).await;
    check("named statements", named_statements()).await;
    check("pipeline", pipeline()).await;
    check("pipeline of named statements", pipeline_of_named_statements()).await;
    check("server-side cursor", server_side_cursor()).await;
    check("copy in", copy_in()).await;
    check("copy out", copy_out()).await;
    check("cancel", cancel()).await;
    check("concurrency", concurrency()).await;
    check("startup settings", startup_settings()).await;
    check("listen", listen()).await;
}
