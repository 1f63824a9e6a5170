//! Clusters of vectors, and vectors that belong to none.

pub(crate) mod assign;
pub(crate) mod dbscan;
pub(crate) mod isolation_forest;
pub(crate) mod kmeans;
pub(crate) mod local_outlier_factor;
pub(crate) mod mahalanobis;
pub(crate) mod nearest;
pub(crate) mod points;

pub use assign::{Assignment, assign};
pub use dbscan::{Density, dbscan};
pub use isolation_forest::IsolationForest;
pub use kmeans::{Clusters, KMeans};
pub use local_outlier_factor::{Outlier, local_outlier_factor};
pub use mahalanobis::mahalanobis;
