//! `nanami-wg IFNAME`: a WireGuard interface, configured by `wg` and `wg-quick`.

#[cfg(target_os = "linux")]
mod arguments;
#[cfg(target_os = "linux")]
mod detached;
#[cfg(target_os = "linux")]
mod failure;
#[cfg(target_os = "linux")]
mod log;
#[cfg(target_os = "linux")]
mod serve;
#[cfg(target_os = "linux")]
mod stats;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    use arguments::Task;

    let done = arguments::read().and_then(|task| match task {
        Task::Say(text) => {
            print!("{text}");
            Ok(())
        }
        Task::Stats { name } => stats::show(&name),
        Task::Serve { name, in_foreground: true } => serve::run(&name),
        Task::Serve { name, in_foreground: false } => detached::start(&name),
    });
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    eprintln!("nanami-wg: this system is not supported; it needs Linux' TUN interfaces");
    std::process::ExitCode::FAILURE
}
