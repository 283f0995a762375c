//! Memory that processes hold.

use anyhow::Context as _;

/// Bytes of a process that are in memory now.
pub fn bytes_of(process_id: u32) -> anyhow::Result<u64> {
    let statm = std::fs::read_to_string(format!("/proc/{process_id}/statm"))?;
    let pages = statm.split(' ').nth(1).context("/proc/PID/statm has another form")?;
    Ok(pages.parse::<u64>()? * rustix::param::page_size() as u64)
}
