//! A service that answers exact nearest-neighbour searches over HTTP from memory.
//!
//! ```sh
//! cargo run --release -p hart-kernels --example service -- sqlhost/examples/data/packages.parquet
//! curl -s localhost:8080/rows/42
//! curl -s localhost:8080/search -H 'content-type: application/json' -d '{"like": 42, "k": 3}'
//! ```
//!
//! Under load, with Debian's package `wrk`:
//!
//! ```sh
//! wrk -t1 -c4 -d10s --latency -s kernels/examples/service.lua http://127.0.0.1:8080
//! ```
//!
//! The file needs a column `embedding` of lists of singles without NULLs. Rows are known by their position.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use axum::extract::{Path as Segment, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use hart_kernels::{Metric, TopK, Vectors};
use serde_json::{Value, json};

#[path = "../tests/common/column.rs"]
mod column;

/// Rows of one dimension, known by their position.
struct Rows {
    values: Vec<f32>,
    dimensions: usize,
}

impl Rows {
    fn read(path: &Path) -> Result<Rows, Box<dyn Error>> {
        let (values, count) = column::singles(path, "embedding")?;
        let dimensions = values.len().checked_div(count).filter(|n| n * count == values.len() && *n > 0);
        let dimensions = dimensions.ok_or("the vectors are not equally long, or there are none")?;
        Ok(Rows { values, dimensions })
    }

    fn len(&self) -> usize {
        self.values.len() / self.dimensions
    }

    fn row(&self, id: u64) -> Option<&[f32]> {
        let start = usize::try_from(id).ok()?.checked_mul(self.dimensions)?;
        self.values.get(start..)?.get(..self.dimensions)
    }
}

type Failure = (StatusCode, Json<Value>);

fn refuse(text: impl Into<String>) -> Failure {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": text.into() })))
}

/// The query's vector: given as `vector`, or as the row `like`.
fn query(rows: &Rows, request: &Value) -> Result<Vec<f32>, Failure> {
    if let Some(like) = request.get("like") {
        let row = like.as_u64().and_then(|id| rows.row(id));
        return row.map(<[f32]>::to_vec).ok_or_else(|| refuse(format!("like is {like}, which is no row")));
    }
    let vector =
        request.get("vector").and_then(Value::as_array).ok_or_else(|| refuse("vector or like is missing"))?;
    let singles: Option<Vec<f32>> = vector.iter().map(|x| x.as_f64().map(|x| x as f32)).collect();
    singles.ok_or_else(|| refuse("vector holds something that is no number"))
}

/// The kernel's own checks say what is wrong with dimensions and k.
fn nearest(rows: &Rows, request: &Value) -> Result<Json<Value>, Failure> {
    let query = query(rows, request)?;
    let k = match request.get("k") {
        None => 10,
        Some(k) => k.as_u64().ok_or_else(|| refuse(format!("k is {k}; expected an integer ≥ 1")))? as usize,
    };
    let metric = request.get("metric").map_or(Some("cosine"), Value::as_str).and_then(Metric::parse);
    let metric = metric.ok_or_else(|| refuse(format!("metric is none of {}", Metric::NAMES.join(", "))))?;
    let found = (|| {
        let queries = Vectors::matrix(&query, query.len())?;
        let all = Vectors::matrix(&rows.values, rows.dimensions)?;
        TopK::new(k).metric(metric).search(&all, &queries)
    })();
    let hits = found.map_err(|e| refuse(e.to_string()))?.remove(0);
    Ok(Json(hits.iter().map(|hit| json!({ "id": hit.id, "distance": hit.distance })).collect()))
}

async fn search(State(rows): State<Arc<Rows>>, Json(request): Json<Value>) -> Result<Json<Value>, Failure> {
    // Computing would keep the other connections of this thread waiting.
    let computed = tokio::task::spawn_blocking(move || nearest(&rows, &request)).await;
    computed.map_err(|e| (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "error": e.to_string() }))))?
}

async fn row(State(rows): State<Arc<Rows>>, Segment(id): Segment<u64>) -> Result<Json<Value>, Failure> {
    let row =
        rows.row(id).ok_or((StatusCode::NOT_FOUND, Json(json!({ "error": format!("no row {id}") }))))?;
    Ok(Json(json!(row)))
}

fn router(rows: Rows) -> Router {
    Router::new().route("/search", post(search)).route("/rows/{id}", get(row)).with_state(Arc::new(rows))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: service FILE.parquet [ADDRESS]")?;
    let address = std::env::args().nth(2).unwrap_or_else(|| "127.0.0.1:8080".into());
    let rows = Rows::read(Path::new(&path))?;
    println!("{} rows of {} dimensions at http://{address}", rows.len(), rows.dimensions);
    axum::serve(tokio::net::TcpListener::bind(address).await?, router(rows)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    async fn ask(body: &str) -> (StatusCode, Value) {
        let rows = Rows { values: vec![1.0, 0.0, 0.0, 1.0, 0.6, 0.8], dimensions: 2 };
        let request = Request::post("/search").header("content-type", "application/json");
        let response =
            router(rows).oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn it_finds_the_nearest_rows() {
        let (status, hits) = ask(r#"{"vector": [1, 0], "k": 2}"#).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!((&hits[0]["id"], &hits[1]["id"]), (&json!(0), &json!(2)));
        let (_, same) = ask(r#"{"like": 0, "k": 2}"#).await;
        assert_eq!(hits, same);
    }

    #[tokio::test]
    async fn it_says_what_is_wrong() {
        for (body, part) in [
            (r#"{"vector": [1, 0, 0]}"#, "3"),
            (r#"{"like": 3}"#, "like is 3"),
            (r#"{"like": 0, "k": 0}"#, "k is 0"),
            (r#"{"like": 0, "metric": "far"}"#, "cosine, euclidean, dot"),
            (r#"{"vector": [1, "x"]}"#, "no number"),
            (r#"{"vector": []}"#, "0"),
            ("{}", "missing"),
        ] {
            let (status, answer) = ask(body).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
            assert!(answer["error"].as_str().unwrap().contains(part), "{body}: {answer}");
        }
    }
}
