//! The programs that a suite needs beside cargo: installed where we may, named where we may not.

use std::process::Stdio;
use std::time::Duration;

use crate::shell;

/// A program and the Debian package that brings it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tool {
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
}

impl Tool {
    fn is_there(self) -> bool {
        let Some(path) = std::env::var_os("PATH") else { return false };
        // Debian keeps network tools where only root's PATH looks.
        std::env::split_paths(&path)
            .chain(["/usr/sbin".into(), "/sbin".into()])
            .any(|folder| folder.join(self.program).is_file())
    }
}

/// Makes sure that every tool is there.
///
/// # Errors
/// The sentence that says what is missing, why it was not installed, and how to install it.
pub(crate) fn ensure(tools: &[Tool]) -> Result<(), String> {
    let missing: Vec<Tool> = tools.iter().copied().filter(|tool| !tool.is_there()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let why = match is_root() {
        true => install(&missing),
        false => "only root may install it".to_owned(),
    };
    let still: Vec<Tool> = missing.into_iter().filter(|tool| !tool.is_there()).collect();
    if still.is_empty() {
        return Ok(());
    }
    let programs = still.iter().map(|tool| tool.program).collect::<Vec<_>>().join(", ");
    Err(format!("{programs} missing, {why}: apt-get install {}", packages(&still).join(" ")))
}

/// Installs a package that brings no program by which one would know that it is there.
///
/// # Errors
/// Why it was not installed.
pub(crate) fn install_package(package: &'static str) -> Result<(), String> {
    let tool = Tool { program: package, package };
    match is_root() {
        true => match apt(&[tool]) {
            true => Ok(()),
            false => Err(format!("apt-get could not install {package}")),
        },
        false => Err(format!("only root may install it: apt-get install {package}")),
    }
}

/// Whether we run as root, and so may install.
pub(crate) fn is_root() -> bool {
    shell::capture(shell::program("id").arg("-u")).is_ok_and(|uid| uid.trim() == "0")
}

/// Installs with apt; the answer says what to think if the tools are still missing.
fn install(missing: &[Tool]) -> String {
    match apt(missing) {
        true => "although apt-get installed its package".to_owned(),
        false => "apt-get could not install it".to_owned(),
    }
}

/// Whether apt installed the packages of these tools.
fn apt(missing: &[Tool]) -> bool {
    let apt = |arguments: &[&str]| {
        let mut command = shell::program("apt-get");
        command.args(APT).args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
        println!("installing: {}", shell::spelled(&command));
        command.status().is_ok_and(|status| status.success())
    };
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(packages(missing));
    apt(&arguments)
        || PAUSES.iter().any(|pause| {
            std::thread::sleep(*pause);
            apt(&["update"]) && apt(&arguments)
        })
}

/// Another apt-get may be at work on a machine that has just started; a mirror may stumble.
const APT: [&str; 5] = ["-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"];
/// Before each new look at the mirror.
const PAUSES: [Duration; 3] = [Duration::ZERO, Duration::from_secs(10), Duration::from_secs(20)];

fn packages(tools: &[Tool]) -> Vec<&'static str> {
    let mut packages: Vec<_> = tools.iter().map(|tool| tool.package).collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_there_is_found() {
        assert!(ensure(&[Tool { program: "sh", package: "dash" }]).is_ok());
    }

    #[test]
    fn a_program_that_nobody_has_is_not_there() {
        assert!(!Tool { program: "no-such-program", package: "none" }.is_there());
    }

    #[test]
    fn packages_are_named_once() {
        let tools = ["unshare", "setpriv"].map(|program| Tool { program, package: "util-linux" });
        assert_eq!(packages(&tools), ["util-linux"]);
    }
}
