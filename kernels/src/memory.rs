//! The default memory limit of a call.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::error::{self, Error};

/// Assumed where the system does not report its memory: 1 TiB.
const UNKNOWN: u64 = 1 << 40;

/// Maximum bytes that a call may use beside its input if no limit is set: half of the memory available to this process.
///
/// Available is the least of the machine's memory, the limits of the process's control groups (Linux, versions 1 and 2)
/// and of its address space (`ulimit -v`), and the limit of its job object (Windows). If the system reports none, it is
/// 1 TiB. Determined once per process.
///
/// # Examples
///
/// ```
/// assert!(hart_kernels::default_memory_limit() > 1 << 20);
/// ```
pub fn default_memory_limit() -> u64 {
    static LIMIT: OnceLock<u64> = OnceLock::new();
    *LIMIT.get_or_init(|| available().map_or(UNKNOWN, |bytes| bytes / 2))
}

/// Fails before an allocation that would exceed a limit.
pub(crate) fn check_memory(what: &str, bytes: u64, limit: u64) -> Result<(), Error> {
    if bytes <= limit { Ok(()) } else { Err(Error::Memory { what: what.into(), bytes, limit }) }
}

/// An empty list with capacity for `length` elements, or an error if the system has no memory for them.
///
/// # Errors
///
/// [`Error::Memory`].
pub(crate) fn room<T>(what: &str, length: usize) -> Result<Vec<T>, Error> {
    let mut list = Vec::new();
    list.try_reserve_exact(length).map_err(|_| error::refused::<T>(what, length))?;
    Ok(list)
}

#[cfg(windows)]
fn available() -> Option<u64> {
    crate::arch::memory()
}

#[cfg(not(windows))]
fn available() -> Option<u64> {
    least(&|path| std::fs::read_to_string(path).ok())
}

/// The least limit that Linux's files report; other systems have no such files.
#[cfg_attr(windows, allow(dead_code))]
fn least(read: &dyn Fn(&Path) -> Option<String>) -> Option<u64> {
    let machine = read(Path::new("/proc/meminfo")).and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    });
    let space = read(Path::new("/proc/self/limits")).and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("Max address space"))?;
        line.split_whitespace().next()?.parse().ok()
    });
    let groups = groups(read).unwrap_or_default().into_iter().filter_map(|file| {
        // "max" in version 2; in version 1 a number larger than any memory.
        read(&file)?.trim().parse().ok()
    });
    groups.chain(machine).chain(space).min()
}

/// The limit files of this process's control groups and their ancestors.
fn groups(read: &dyn Fn(&Path) -> Option<String>) -> Option<Vec<PathBuf>> {
    let (own, mounts) =
        (read(Path::new("/proc/self/cgroup"))?, read(Path::new("/proc/self/mountinfo")).unwrap_or_default());
    let mut files = Vec::new();
    for line in own.lines() {
        // Number, controllers, path; version 2 has the number 0 and no controllers.
        let mut fields = line.splitn(3, ':');
        let (Some(number), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let (kind, name) = match (number, controllers) {
            ("0", "") => ("cgroup2", "memory.max"),
            (_, list) if list.split(',').any(|c| c == "memory") => ("cgroup", "memory.limit_in_bytes"),
            _ => continue,
        };
        let mount = mounts.lines().find_map(|line| {
            // … root, mount point, options … - kind, device, more options.
            let (place, about) = line.split_once(" - ")?;
            let mut about = about.split(' ');
            let found = about.next() == Some(kind)
                && (kind == "cgroup2" || about.nth(1)?.split(',').any(|option| option == "memory"));
            let mut place = place.split(' ').skip(3);
            found.then_some((place.next()?, place.next()?))
        });
        let (root, point) = mount.unwrap_or(match kind {
            "cgroup2" => ("/", "/sys/fs/cgroup"),
            _ => ("/", "/sys/fs/cgroup/memory"),
        });
        // A container mounts only a part; if the path is not in it, the mount itself is the group.
        let below = Path::new(path).strip_prefix(root).unwrap_or(Path::new(""));
        let group = Path::new(point).join(below);
        files.extend(
            group.ancestors().take_while(|group| group.starts_with(point)).map(|group| group.join(name)),
        );
    }
    Some(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The least limit on a system with those files.
    fn of(files: &[(&str, &str)]) -> Option<u64> {
        least(&|path| {
            files.iter().find(|(name, _)| path == Path::new(name)).map(|(_, text)| text.to_string())
        })
    }

    const MACHINE: (&str, &str) = ("/proc/meminfo", "MemFree: 7 kB\nMemTotal:       16384 kB\n");

    #[test]
    fn the_machine_and_the_address_space_limit() {
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[MACHINE]), Some(16 << 20));
        let limits = |n: &str| {
            format!(
                "Max cpu time  unlimited unlimited seconds\nMax address space         {n}  unlimited  bytes\n"
            )
        };
        assert_eq!(of(&[MACHINE, ("/proc/self/limits", &limits("unlimited"))]), Some(16 << 20));
        assert_eq!(of(&[MACHINE, ("/proc/self/limits", &limits("4096000"))]), Some(4_096_000));
    }

    #[test]
    fn a_group_of_version_2_and_those_around_it_limit() {
        let own = ("/proc/self/cgroup", "0::/a/b\n");
        let mount = ("/proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n");
        let [inner, outer] = ["/sys/fs/cgroup/a/b/memory.max", "/sys/fs/cgroup/a/memory.max"];
        assert_eq!(of(&[MACHINE, own, mount, (inner, "max\n")]), Some(16 << 20));
        assert_eq!(of(&[MACHINE, own, mount, (inner, "2000000\n"), (outer, "max\n")]), Some(2_000_000));
        assert_eq!(of(&[MACHINE, own, mount, (inner, "2000000\n"), (outer, "1000000\n")]), Some(1_000_000));
        // A container that sees only its own part.
        let part = ("/proc/self/mountinfo", "30 23 0:26 /docker/x /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
        let whole = ("/proc/self/cgroup", "0::/docker/x\n");
        assert_eq!(of(&[MACHINE, whole, part, ("/sys/fs/cgroup/memory.max", "3000000")]), Some(3_000_000));
        assert_eq!(of(&[own, part, ("/sys/fs/cgroup/memory.max", "3000000")]), Some(3_000_000));
        // Without the list of mounts: at the usual place.
        assert_eq!(of(&[own, (inner, "2000000")]), Some(2_000_000));
    }

    #[test]
    fn a_group_of_version_1_limits() {
        let own = ("/proc/self/cgroup", "3:cpu,cpuacct:/x\n5:memory:/jobs/7\n0::/\n");
        let mount = (
            "/proc/self/mountinfo",
            "31 24 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n\
             32 24 0:28 / /cg/memory rw shared:9 - cgroup cgroup rw,memory\n",
        );
        let file = "/cg/memory/jobs/7/memory.limit_in_bytes";
        assert_eq!(of(&[MACHINE, own, mount, (file, "5000000\n")]), Some(5_000_000));
        assert_eq!(of(&[MACHINE, own, mount, (file, "9223372036854771712\n")]), Some(16 << 20));
    }

    #[test]
    fn room_that_no_system_has_is_refused() {
        let error = room::<u64>("the list", usize::MAX / 16).unwrap_err();
        assert!(matches!(error, Error::Memory { limit: Error::REFUSED, .. }), "{error}");
        assert!(room::<u64>("the list", 5).is_ok_and(|list| list.is_empty() && list.capacity() >= 5));
    }
}
