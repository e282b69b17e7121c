//! How a driver's program in Rust tells what it found: as python/report.py, which says more.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

/// So many at the same time, each more than any pool has servers: workers, and connections that
/// take turns.
pub const WORKERS: i32 = 20;
pub const CROWD: i32 = 8;
pub const ROUNDS: i32 = 10;
/// How long something that will come may take; whatever waits for it fails after that.
pub const TIME_MAX: Duration = Duration::from_secs(3);

pub type Error = Box<dyn std::error::Error + Send + Sync>;
pub type Outcome = Result<(), Error>;

pub async fn check(name: &str, body: impl Future<Output = Outcome>) {
    if std::env::var("PGWEIR_CHECK").map_or(false, |only| only != name) {
        return;
    }
    println!("run {name}");
    match body.await {
        Ok(()) => println!("ok {name}"),
        Err(error) => {
            let why = error.to_string();
            println!("not ok {name}: {}", why.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
}

pub fn same<T: PartialEq + Debug>(found: T, wanted: T) -> Outcome {
    if found == wanted {
        return Ok(());
    }
    Err(format!("{found:?} came, not {wanted:?}").into())
}

/// It failed, with this SQLSTATE.
pub fn refused<T>(sqlstate: &str, result: Result<T, tokio_postgres::Error>) -> Outcome {
    match result {
        Ok(_) => Err(format!("no error {sqlstate}").into()),
        Err(error) if error.code().map_or(false, |code| code.code() == sqlstate) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
