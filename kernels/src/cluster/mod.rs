//! Clusters of vectors, and vectors that belong to none.

pub(crate) mod assign;
mod condense;
pub(crate) mod dbscan;
mod forest;
pub(crate) mod hdbscan;
pub(crate) mod isolation_forest;
pub(crate) mod kmeans;
mod lloyd;
pub(crate) mod local_outlier_factor;
pub(crate) mod mahalanobis;
pub(crate) mod points;
mod sieve;
pub(crate) mod silhouette;
mod spanning;

pub use assign::{Assignment, assign};
pub use dbscan::{Density, dbscan};
pub use hdbscan::{Dense, hdbscan};
pub use isolation_forest::IsolationForest;
pub use kmeans::KMeans;
pub use lloyd::Clusters;
pub use local_outlier_factor::{Outlier, local_outlier_factor};
pub use mahalanobis::mahalanobis;
pub use silhouette::{Silhouette, mean_silhouette, silhouette};
