//! Files that appear complete or not at all, and cleanup when the command is interrupted.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{BufWriter, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use anyhow::{Context, Result, bail, ensure};

/// Checks that a file can be written there, before the work is done rather than after. `option` is the option that gave
/// the path.
pub(crate) fn check(path: &Path, option: &str) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        bail!("{option} {}: there is no folder {}", path.display(), folder.display());
    }
    if path.is_dir() {
        bail!("{option} {}: it is a folder", path.display());
    }
    let read_only = fs::metadata(path).is_ok_and(|about| about.permissions().readonly());
    ensure!(!read_only, "{option} {}: the file there is read-only; choose another name", path.display());
    Ok(())
}

/// Checks that the output is not one of the input files, under another name or through a link. `option` as in
/// [`check`].
pub(crate) fn apart<'a>(
    output: &Path,
    option: &str,
    inputs: impl IntoIterator<Item = &'a Path>,
) -> Result<()> {
    for input in inputs {
        let shown = output.display();
        ensure!(
            !is_same(output, input),
            "{option} {shown}: it is the input {}, which would be lost; choose another name",
            input.display()
        );
        let folder =
            output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        ensure!(
            !(input.is_dir() && is_same(folder, input)),
            "{option} {shown}: it would be a part of the input {}; choose another folder",
            input.display()
        );
    }
    Ok(())
}

#[cfg(unix)]
fn is_same(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |path| fs::metadata(path).ok().map(|about| (about.dev(), about.ino()));
    identity(one).is_some_and(|found| Some(found) == identity(other))
}

#[cfg(not(unix))]
fn is_same(one: &Path, other: &Path) -> bool {
    let identity = |path| fs::canonicalize(path).ok();
    identity(one).is_some_and(|found| Some(found) == identity(other))
}

/// Passes `fill` a file to write to. It appears under this name, or replaces an older file, only when it is complete;
/// after an error everything is as before.
pub(crate) fn whole<T>(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> Result<T>) -> Result<T> {
    if path.is_dir() {
        bail!("cannot write {}: it is a folder", path.display());
    }
    let begin = || -> Result<(PathBuf, Draft, File)> {
        trusted(path)?;
        // A link stays a link: the file to which it points is replaced.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let (draft, file) = Draft::create(&target)?;
        Ok((target, draft, file))
    };
    let (target, draft, file) = begin().with_context(|| format!("cannot write {}", path.display()))?;
    let mut file = BufWriter::with_capacity(1 << 20, file);
    let filled = fill(&mut file)?;
    let finish = || -> std::io::Result<()> {
        let file = file.into_inner().map_err(|error| error.into_error())?;
        file.sync_all()?;
        drop(file);
        fs::rename(&draft.0.path, &target)
    };
    finish().with_context(|| format!("cannot write {}", path.display()))?;
    Ok(filled)
}

/// Checks that the path does not follow a link that another user may have put into a folder writable by everyone. This
/// is the rule of Linux's `protected_symlinks`, enforced on every Unix.
#[cfg(unix)]
fn trusted(path: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    /// As many as Linux follows.
    const MOST_LINKS: usize = 40;
    const STICKY: u32 = 0o1000;
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(link) = fs::symlink_metadata(&path).and_then(|about| match about.is_symlink() {
            true => Ok(about),
            false => Err(ErrorKind::NotFound.into()),
        }) else {
            return Ok(());
        };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let about = fs::metadata(folder)?;
        ensure!(
            about.mode() & STICKY == 0
                || link.uid() == about.uid()
                || link.uid() == rustix::process::geteuid().as_raw(),
            "{} is a link that another user has put into a folder for everyone; it is not followed",
            path.display()
        );
        path = folder.join(fs::read_link(&path)?);
    }
    bail!("too many links");
}

#[cfg(not(unix))]
fn trusted(_: &Path) -> Result<()> {
    Ok(())
}

/// A temporary file beside the target, removed when this is dropped unless it was renamed.
struct Draft(Kept);

impl Draft {
    fn create(target: &Path) -> std::io::Result<(Draft, File)> {
        let older = fs::metadata(target).ok().map(|about| about.permissions());
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let (kept, file) = Kept::file(&target.with_file_name(format!(".{name}")), older.is_some())?;
        // An older file passes on its permissions before there is any content.
        if let Some(older) = older {
            permit(&file, older)?;
        }
        Ok((Draft(kept), file))
    }
}

fn permit(file: &File, permissions: Permissions) -> std::io::Result<()> {
    file.set_permissions(permissions)
}

/// A temporary file or folder. It is removed when this is dropped and when the command is interrupted.
pub(crate) struct Kept {
    pub(crate) path: PathBuf,
}

/// What to remove when the command is interrupted.
static KEPT: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

impl Kept {
    /// A new file whose name begins with this path; `private`: readable by its owner alone.
    pub(crate) fn file(start: &Path, private: bool) -> std::io::Result<(Kept, File)> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        if private {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        #[cfg(not(unix))]
        let _ = private;
        Kept::create(start, |path| options.open(path))
    }

    /// A new folder whose name begins with this path.
    pub(crate) fn folder(start: &Path) -> std::io::Result<Kept> {
        Ok(Kept::create(start, |path| fs::create_dir(path))?.0)
    }

    fn create<T>(start: &Path, create: impl Fn(&Path) -> std::io::Result<T>) -> std::io::Result<(Kept, T)> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        static HANDLER: Once = Once::new();
        HANDLER.call_once(|| {
            // An existing handler stays.
            let _ = ctrlc::set_handler(|| {
                KEPT.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|path| remove(path));
                // The exit code that shells use for a program ended by SIGINT.
                std::process::exit(130);
            });
        });
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        // Files left by another process with the same number, for example in another container, are not ours.
        loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let mut path = start.as_os_str().to_owned();
            path.push(format!(".{}-{number}.tmp", std::process::id()));
            let path = PathBuf::from(path);
            match create(&path) {
                Ok(made) => {
                    kept.push(path.clone());
                    return Ok((Kept { path }, made));
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists && number < u32::MAX => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // After a rename nothing has this name any more. A failure here must not hide the earlier error.
        remove(&self.path);
        KEPT.lock().unwrap_or_else(PoisonError::into_inner).retain(|path| *path != self.path);
    }
}

fn remove(path: &Path) {
    let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
}
