//! A service that keeps vectors in memory and answers exact nearest-neighbour searches over HTTP, while rows come and go.
//!
//! ```sh
//! cargo run --release -p hart-kernels --example service -- sqlhost/examples/data/packages.parquet
//! curl -s localhost:8080/rows/42
//! curl -s localhost:8080/search -H 'content-type: application/json' -d '{"like": 42, "k": 3}'
//! curl -s localhost:8080/rows/42 | curl -s -X PUT localhost:8080/rows/5000 -H 'content-type: application/json' -d @-
//! curl -s -X DELETE localhost:8080/rows/42
//! ```
//!
//! Under load, with Debian's package `wrk`:
//!
//! ```sh
//! wrk -t1 -c4 -d10s --latency -s kernels/examples/service.lua http://127.0.0.1:8080
//! ```
//!
//! The file needs a column `embedding` of lists of singles without NULLs. Its rows' ids are their positions.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use axum::extract::{Path as Segment, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use hart_kernels::{Index, Metric, Vectors};
use serde_json::{Value, json};

#[path = "../tests/it/common/column.rs"]
mod column;

/// The rows of a file, with codes, which make searches faster.
fn read(path: &Path) -> Result<Index, Box<dyn Error>> {
    let (values, count) = column::singles(path, "embedding")?;
    let dimensions = values.len().checked_div(count).filter(|n| n * count == values.len() && *n > 0);
    let index = Index::with_codes(dimensions.ok_or("the vectors are not equally long, or there are none")?)?;
    let ids: Vec<i64> = (0..).take(count).collect();
    index.add_all(&ids, &values)?;
    Ok(index)
}

type Failure = (StatusCode, Json<Value>);

fn refuse(text: impl Into<String>) -> Failure {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": text.into() })))
}

fn no_row(id: i64) -> Failure {
    (StatusCode::NOT_FOUND, Json(json!({ "error": format!("no row {id}") })))
}

fn singles(vector: &[Value]) -> Result<Vec<f32>, Failure> {
    let singles: Option<Vec<f32>> = vector.iter().map(|x| x.as_f64().map(|x| x as f32)).collect();
    singles.ok_or_else(|| refuse("vector holds something that is no number"))
}

/// The query's vector: given as `vector`, or as the row `like`.
fn query(index: &Index, request: &Value) -> Result<Vec<f32>, Failure> {
    if let Some(like) = request.get("like") {
        let row = like.as_i64().and_then(|id| index.get(id));
        return row.ok_or_else(|| refuse(format!("like is {like}, which is no row")));
    }
    let vector = request.get("vector").and_then(Value::as_array);
    singles(vector.ok_or_else(|| refuse("vector or like is missing"))?)
}

/// The index's own checks say what is wrong with dimensions and k.
fn nearest(index: &Index, request: &Value) -> Result<Json<Value>, Failure> {
    let query = query(index, request)?;
    let k = match request.get("k") {
        None => 10,
        Some(k) => k.as_u64().ok_or_else(|| refuse(format!("k is {k}; expected an integer ≥ 1")))? as usize,
    };
    let metric = request.get("metric").map_or(Some("cosine"), Value::as_str).and_then(Metric::parse);
    let metric = metric.ok_or_else(|| refuse(format!("metric is none of {}", Metric::NAMES.join(", "))))?;
    let found = Vectors::matrix(&query, query.len()).and_then(|query| index.search(&query, k, metric));
    let found = found.map_err(|e| refuse(e.to_string()))?.remove(0);
    Ok(Json(found.iter().map(|n| json!({ "id": n.id, "distance": n.distance })).collect()))
}

/// Computing on a thread of its own, because it would keep the other connections of this one waiting.
async fn blocking(
    work: impl FnOnce() -> Result<Json<Value>, Failure> + Send + 'static,
) -> Result<Json<Value>, Failure> {
    let computed = tokio::task::spawn_blocking(work).await;
    computed.map_err(|e| (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "error": e.to_string() }))))?
}

async fn search(State(index): State<Arc<Index>>, Json(request): Json<Value>) -> Result<Json<Value>, Failure> {
    blocking(move || nearest(&index, &request)).await
}

async fn row(State(index): State<Arc<Index>>, Segment(id): Segment<i64>) -> Result<Json<Value>, Failure> {
    Ok(Json(json!(index.get(id).ok_or_else(|| no_row(id))?)))
}

async fn add(
    State(index): State<Arc<Index>>,
    Segment(id): Segment<i64>,
    Json(vector): Json<Vec<Value>>,
) -> Result<Json<Value>, Failure> {
    blocking(move || {
        index.add(id, &singles(&vector)?).map_err(|e| refuse(e.to_string()))?;
        Ok(Json(json!({ "rows": index.len() })))
    })
    .await
}

async fn remove(State(index): State<Arc<Index>>, Segment(id): Segment<i64>) -> Result<Json<Value>, Failure> {
    blocking(move || {
        if !index.remove(id) {
            return Err(no_row(id));
        }
        Ok(Json(json!({ "rows": index.len() })))
    })
    .await
}

fn router(index: Index) -> Router {
    Router::new()
        .route("/search", post(search))
        .route("/rows/{id}", get(row).put(add).delete(remove))
        .with_state(Arc::new(index))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: service FILE.parquet [ADDRESS]")?;
    let address = std::env::args().nth(2).unwrap_or_else(|| "127.0.0.1:8080".into());
    let index = read(Path::new(&path))?;
    println!("{} rows of {} dimensions at http://{address}", index.len(), index.dimensions());
    axum::serve(tokio::net::TcpListener::bind(address).await?, router(index)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    fn three_rows() -> Router {
        let index = Index::with_codes(2).unwrap();
        index.add_all(&[0, 1, 2], &[1.0, 0.0, 0.0, 1.0, 0.6, 0.8]).unwrap();
        router(index)
    }

    async fn send(router: &Router, method: &str, uri: &str, body: &str) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(uri).header("content-type", "application/json");
        let response =
            router.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    async fn ask(body: &str) -> (StatusCode, Value) {
        send(&three_rows(), "POST", "/search", body).await
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
    async fn rows_come_and_go() {
        let service = three_rows();
        let nearest = async || send(&service, "POST", "/search", r#"{"vector": [1, 0], "k": 1}"#).await.1;
        assert_eq!(send(&service, "DELETE", "/rows/0", "").await, (StatusCode::OK, json!({ "rows": 2 })));
        assert_eq!(nearest().await[0]["id"], 2);
        assert_eq!(send(&service, "DELETE", "/rows/0", "").await.0, StatusCode::NOT_FOUND);
        assert_eq!(send(&service, "GET", "/rows/0", "").await.0, StatusCode::NOT_FOUND);
        assert_eq!(send(&service, "PUT", "/rows/7", "[3, 0]").await, (StatusCode::OK, json!({ "rows": 3 })));
        assert_eq!(nearest().await[0]["id"], 7);
        assert_eq!(send(&service, "GET", "/rows/7", "").await, (StatusCode::OK, json!([3.0, 0.0])));
        for (vector, part) in [("[1, 2]", "id is 7"), ("[1]", "1 dimensions"), (r#"["x", 1]"#, "no number")] {
            let (status, answer) = send(&service, "PUT", "/rows/7", vector).await;
            assert_eq!(status, StatusCode::BAD_REQUEST);
            assert!(answer["error"].as_str().unwrap().contains(part), "{answer}");
        }
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
