//! The hierarchy of density-based clusters: which of them to take, and how firmly each row belongs.

use super::forest::Forest;
use super::spanning::Edge;

/// No cluster.
const NONE: u32 = u32::MAX;

/// Which cluster a row belongs to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Member {
    /// From 1, by the clusters' first rows; 0 for noise.
    pub(super) cluster: u32,
    /// From 0 for noise to 1 for rows that stay in it longest.
    pub(super) probability: f64,
}

/// Two branches that are one below a distance.
#[derive(Clone, Copy)]
struct Node {
    branches: [u32; 2],
    /// One over the distance; infinite where it is 0.
    lambda: f64,
    size: u32,
}

/// A cluster of the condensed tree: rows leave it as the distance falls, until it splits into two clusters or ends.
struct Cluster {
    parent: u32,
    birth: f64,
    /// Σ (λ − birth) over the rows that leave it, or split off together.
    stability: f64,
    /// The greatest λ at which something leaves.
    death: f64,
    children: Vec<u32>,
}

/// Clusters of at least `least` rows (Campello, Moulavi and Sander 2013): the condensed tree, and of it the clusters whose
/// excess of mass is greatest.
pub(super) fn clusters(edges: &[Edge], rows: usize, least: usize) -> Vec<Member> {
    let nodes = linkage(edges, rows);
    let (clusters, left) = condensed(&nodes, rows, least);
    let taken = taken(&clusters);
    // The taken cluster that a cluster is, or lies in.
    let mut within = vec![NONE; clusters.len()];
    for (c, cluster) in clusters.iter().enumerate() {
        within[c] = match (taken[c], cluster.parent) {
            (true, _) => c as u32,
            (false, NONE) => NONE,
            (false, parent) => within[parent as usize],
        };
    }
    let mut numbers = vec![0u32; clusters.len()];
    let mut last = 0;
    let member = |(cluster, lambda): (u32, f64)| {
        let own = within.get(cluster as usize).copied().unwrap_or(NONE);
        if own == NONE {
            return Member { cluster: 0, probability: 0.0 };
        }
        if numbers[own as usize] == 0 {
            last += 1;
            numbers[own as usize] = last;
        }
        let death = clusters[own as usize].death;
        let certain = death == 0.0 || !lambda.is_finite();
        let probability = if certain { 1.0 } else { lambda.min(death) / death };
        Member { cluster: numbers[own as usize], probability }
    };
    left.into_iter().map(member).collect()
}

/// The tree of single linkage: node `rows + i` joins two branches by the i-th shortest edge.
fn linkage(edges: &[Edge], rows: usize) -> Vec<Node> {
    let mut sorted: Vec<&Edge> = edges.iter().collect();
    // A stable sort: equal edges in the order in which they were found.
    sorted.sort_by(|a, b| a.weight.total_cmp(&b.weight));
    // Disjoint sets, each with the node on top of it.
    let mut sets = Forest::new(rows);
    let mut tops: Vec<u32> = (0..rows as u32).collect();
    let mut nodes: Vec<Node> = Vec::with_capacity(edges.len());
    for edge in sorted {
        let [a, b] = edge.ends.map(|end| sets.root(end as usize));
        let branches = [tops[a], tops[b]];
        let size = branches.map(|branch| size(&nodes, rows, branch)).iter().sum();
        sets.unite(a, b);
        tops[a.min(b)] = (rows + nodes.len()) as u32;
        let lambda = if edge.weight > 0.0 { 1.0 / edge.weight } else { f64::INFINITY };
        nodes.push(Node { branches, lambda, size });
    }
    nodes
}

/// Rows of a branch: a row, or a node.
fn size(nodes: &[Node], rows: usize, branch: u32) -> u32 {
    (branch as usize).checked_sub(rows).map_or(1, |node| nodes[node].size)
}

/// The clusters, parents before children, and for each row the cluster that it leaves, and λ where it does.
fn condensed(nodes: &[Node], rows: usize, least: usize) -> (Vec<Cluster>, Vec<(u32, f64)>) {
    let mut left = vec![(NONE, 0.0); rows];
    let new = |parent, birth| Cluster { parent, birth, stability: 0.0, death: 0.0, children: Vec::new() };
    let mut clusters = vec![new(NONE, 0.0)];
    // The cluster that a node is part of; none for nodes that have left theirs.
    let mut own = vec![NONE; nodes.len()];
    if let Some(last) = own.last_mut() {
        *last = 0;
    }
    // A node comes after its branches.
    for at in (0..nodes.len()).rev() {
        let (Node { branches, lambda, .. }, cluster) = (nodes[at], own[at]);
        if cluster == NONE {
            continue;
        }
        let sizes = branches.map(|branch| size(nodes, rows, branch));
        let splits = sizes.iter().all(|size| *size as usize >= least);
        for (branch, size) in branches.into_iter().zip(sizes) {
            let lasting = size as usize >= least;
            let node = (branch as usize).checked_sub(rows);
            if let (true, false, Some(node)) = (lasting, splits, node) {
                own[node] = cluster;
                continue;
            }
            let parent = &mut clusters[cluster as usize];
            parent.death = parent.death.max(lambda);
            if lambda > parent.birth {
                parent.stability += (lambda - parent.birth) * f64::from(size);
            }
            match node.filter(|_| lasting) {
                Some(node) => {
                    let child = clusters.len() as u32;
                    clusters[cluster as usize].children.push(child);
                    own[node] = child;
                    clusters.push(new(cluster, lambda));
                }
                None => leave(nodes, rows, branch, (cluster, lambda), &mut left),
            }
        }
    }
    (clusters, left)
}

/// Notes for all rows of a branch that they leave.
fn leave(nodes: &[Node], rows: usize, branch: u32, how: (u32, f64), left: &mut [(u32, f64)]) {
    let mut open = vec![branch];
    while let Some(branch) = open.pop() {
        match (branch as usize).checked_sub(rows) {
            Some(node) => open.extend(nodes[node].branches),
            None => left[branch as usize] = how,
        }
    }
}

/// Which clusters have a greater excess of mass than those within them together; never the one of all rows.
fn taken(clusters: &[Cluster]) -> Vec<bool> {
    let mut best: Vec<f64> = clusters.iter().map(|cluster| cluster.stability).collect();
    let mut taken = vec![true; clusters.len()];
    for c in (1..clusters.len()).rev() {
        let within: f64 = clusters[c].children.iter().map(|child| best[*child as usize]).sum();
        if within > best[c] {
            (taken[c], best[c]) = (false, within);
        }
    }
    taken[0] = false;
    // What lies within a taken cluster is not taken; parents come first.
    let mut covered = vec![false; clusters.len()];
    for (c, cluster) in clusters.iter().enumerate().skip(1) {
        let parent = cluster.parent as usize;
        covered[c] = covered[parent] || taken[parent];
        taken[c] &= !covered[c];
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(weights: &[f64]) -> Vec<Edge> {
        weights.iter().zip(0..).map(|(weight, i)| Edge { ends: [i, i + 1], weight: *weight }).collect()
    }

    #[test]
    fn two_heaps_and_a_stray() {
        // Rows 0–3 and 4–7 lie close together; 8 is far away.
        let edges = chain(&[1.0, 1.0, 2.0, 10.0, 1.0, 1.0, 1.0, 50.0]);
        let found = clusters(&edges, 9, 3);
        let numbers: Vec<u32> = found.iter().map(|member| member.cluster).collect();
        assert_eq!(numbers, [1, 1, 1, 1, 2, 2, 2, 2, 0]);
        let probabilities: Vec<f64> = found.iter().map(|member| member.probability).collect();
        // Row 3 leaves the first heap at half of the λ at which it ends.
        assert_eq!(probabilities, [1.0, 1.0, 1.0, 0.5, 1.0, 1.0, 1.0, 1.0, 0.0]);
    }

    #[test]
    fn what_is_one_heap_or_nothing_is_noise() {
        let noise = Member { cluster: 0, probability: 0.0 };
        assert_eq!(clusters(&chain(&[1.0, 1.0, 1.0]), 4, 2), [noise; 4]);
        assert_eq!(clusters(&[], 1, 2), [noise]);
        assert_eq!(clusters(&[], 0, 2), []);
    }

    #[test]
    fn equal_rows_are_a_cluster_of_infinite_density() {
        let found = clusters(&chain(&[0.0, 0.0, 5.0, 0.0, 0.0]), 6, 2);
        let numbers: Vec<u32> = found.iter().map(|member| member.cluster).collect();
        assert_eq!(numbers, [1, 1, 1, 2, 2, 2]);
        assert!(found.iter().all(|member| member.probability == 1.0));
    }
}
