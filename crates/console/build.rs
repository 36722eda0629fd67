//! Builds the web app and lists its files for `include_bytes!`, so that `cargo` alone builds everything.
//!
//! `web/` is copied to `OUT_DIR` and built there: a build leaves nothing in the source tree. `node_modules` lies under
//! `target/console/`, one per lock file, so that it outlives a change of sources. `DIEMCAU_CONSOLE_DIST=dir` takes a
//! ready-made build instead and needs no Node.

use std::collections::hash_map::DefaultHasher;
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// The oldest Node on which Vite runs: 20.19.
const NODE_MIN: (u32, u32) = (20, 19);
const INSTALL_HELP: &str =
    "install Node 20.19 or later with npm, or set DIEMCAU_CONSOLE_DIST to a built web app";
/// What a build depends on; `node_modules` and `dist` of a developer's own runs are left alone.
const SOURCES: [&str; 11] = [
    "src",
    "dev",
    "public",
    "index.html",
    "package.json",
    "package-lock.json",
    "vite.config.ts",
    "tsconfig.json",
    ".npmrc",
    ".prettierrc.json",
    ".prettierignore",
];
const INSTALL_INPUTS: [&str; 3] = ["package.json", "package-lock.json", ".npmrc"];

fn main() {
    if let Err(reason) = build() {
        println!("cargo::error=the web app was not built: {reason}");
    }
}

fn build() -> Result<(), String> {
    println!("cargo::rerun-if-env-changed=DIEMCAU_CONSOLE_DIST");
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set; cargo sets it")?);
    let dist = match env::var_os("DIEMCAU_CONSOLE_DIST") {
        Some(dir) => ready_made(&PathBuf::from(dir))?,
        None => built(&out)?,
    };
    let list = list(&dist)?;
    fs::write(out.join("files.rs"), list).map_err(|error| format!("cannot write files.rs: {error}"))
}

fn ready_made(dir: &Path) -> Result<PathBuf, String> {
    println!("cargo::rerun-if-changed={}", dir.display());
    dir.join("index.html")
        .is_file()
        .then(|| dir.canonicalize())
        .ok_or_else(|| format!("DIEMCAU_CONSOLE_DIST={} has no index.html", dir.display()))?
        .map_err(|error| format!("cannot read {}: {error}", dir.display()))
}

fn built(out: &Path) -> Result<PathBuf, String> {
    let web = Path::new("web");
    let copy = out.join("web");
    let _ = fs::remove_dir_all(&copy);
    for name in SOURCES {
        println!("cargo::rerun-if-changed=web/{name}");
        copy_all(&web.join(name), &copy.join(name))
            .map_err(|error| format!("cannot copy web/{name}: {error}"))?;
    }
    check_node()?;
    let modules = node_modules(web, &cache_dir(out))?;
    std::os::unix::fs::symlink(&modules, copy.join("node_modules"))
        .map_err(|error| format!("cannot link {}: {error}", modules.display()))?;
    let vite = modules.join("vite/bin/vite.js");
    // The copy, with its modules, is where the web app's own tests run.
    println!("cargo::rustc-env=DIEMCAU_CONSOLE_WEB={}", copy.display());
    run(Command::new("node")
        .arg(vite)
        .args(["build", "--logLevel", "warn"])
        .current_dir(&copy))?;
    Ok(copy.join("dist"))
}

fn check_node() -> Result<(), String> {
    let version = Command::new("node").arg("--version").output();
    let text = version
        .map_err(|error| format!("Node does not start ({error}); {INSTALL_HELP}"))?
        .stdout;
    let text = String::from_utf8_lossy(&text);
    let mut parts = text
        .trim()
        .trim_start_matches('v')
        .split('.')
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if found < NODE_MIN {
        return Err(format!(
            "found Node {}, need 20.19 or later; {INSTALL_HELP}",
            text.trim()
        ));
    }
    Ok(())
}

/// `target/console`, found by the tag that cargo puts at the top of its target directory.
fn cache_dir(out: &Path) -> PathBuf {
    let target = out
        .ancestors()
        .find(|dir| dir.join("CACHEDIR.TAG").is_file())
        .unwrap_or(out);
    target.join("console")
}

/// Installs what the lock file names, once per lock file.
fn node_modules(web: &Path, cache: &Path) -> Result<PathBuf, String> {
    let mut hasher = DefaultHasher::new();
    for name in INSTALL_INPUTS {
        fs::read(web.join(name))
            .map_err(|error| format!("cannot read web/{name}: {error}"))?
            .hash(&mut hasher);
    }
    let ready = cache.join(format!("{:016x}", hasher.finish()));
    let modules = ready.join("node_modules");
    if modules.is_dir() {
        return Ok(modules);
    }
    // Installed aside and then renamed: two builds at once, or one that is cut off, leave no half of it behind.
    let aside = cache.join(format!("installing-{}", std::process::id()));
    let _ = fs::remove_dir_all(&aside);
    for name in INSTALL_INPUTS {
        copy_all(&web.join(name), &aside.join(name))
            .map_err(|error| format!("cannot copy {name}: {error}"))?;
    }
    run(Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&aside))?;
    if fs::rename(&aside, &ready).is_err() && !modules.is_dir() {
        return Err(format!(
            "cannot move {} to {}",
            aside.display(),
            ready.display()
        ));
    }
    let _ = fs::remove_dir_all(&aside);
    Ok(modules)
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?} does not start ({error}); {INSTALL_HELP}"))?;
    if output.status.success() {
        return Ok(());
    }
    // A cargo directive is one line; the whole output goes to the build log.
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    eprintln!("{said}");
    let last = said
        .lines()
        .filter(|line| !line.trim().is_empty())
        .take(6)
        .collect::<Vec<_>>()
        .join(" | ");
    Err(format!("{command:?} ended with {}: {last}", output.status))
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        return fs::copy(from, to).map(drop);
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy_all(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// The Rust source of the table of files: `(path, bytes, gzip)`, sorted by path.
fn list(dist: &Path) -> Result<String, String> {
    let mut paths = Vec::new();
    walk(dist, &mut paths).map_err(|error| format!("cannot list {}: {error}", dist.display()))?;
    paths.sort();
    let mut source = String::from("&[\n");
    for path in paths
        .iter()
        .filter(|path| path.extension().is_none_or(|ext| ext != "gz"))
    {
        let name = path.strip_prefix(dist).map_err(|error| error.to_string())?;
        let gzip = PathBuf::from(format!("{}.gz", path.display()));
        let gzip = if paths.contains(&gzip) {
            format!("Some(include_bytes!({:?}))", gzip.display().to_string())
        } else {
            "None".into()
        };
        let (name, path) = (name.display().to_string(), path.display().to_string());
        let _ = writeln!(source, "    ({name:?}, include_bytes!({path:?}), {gzip}),");
    }
    source.push_str("]\n");
    Ok(source)
}

fn walk(dir: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}
