//! The machine that measures.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Lets this process have as many connections as the system allows.
pub fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // Without it the benchmark that needs them says so.
    let _ = setrlimit(Resource::Nofile, raised);
}

/// Cores, memory and system.
pub fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = line_of("/proc/cpuinfo", "model name");
    let memory = line_of("/proc/meminfo", "MemTotal");
    let kilobytes: f64 = memory.trim_end_matches(" kB").parse().unwrap_or(0.0);
    let uname = rustix::system::uname();
    let system = uname.sysname().to_string_lossy().into_owned();
    let release = uname.release().to_string_lossy().into_owned();
    let gigabytes = kilobytes / (1 << 20) as f64;
    format!("{cores} cores ({model}), {gigabytes:.1} GiB memory, {system} {release}")
}

/// The date, in UTC.
pub fn today() -> String {
    let now = jiff::Timestamp::now().to_string();
    now.split('T').next().unwrap_or_default().to_owned()
}

/// What stands behind the colon in the first line of a file that begins with `name`.
fn line_of(file: &str, name: &str) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
}
