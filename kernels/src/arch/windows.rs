//! Memory limits on Windows.
#![allow(unsafe_code)]

use std::mem::size_of;

use windows_sys::Win32::System::JobObjects::{
    JOB_OBJECT_LIMIT_JOB_MEMORY, JOB_OBJECT_LIMIT_PROCESS_MEMORY, JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
    JobObjectExtendedLimitInformation, QueryInformationJobObject,
};
use windows_sys::Win32::System::SystemInformation::{GlobalMemoryStatusEx, MEMORYSTATUSEX};

/// The least of the machine's memory and the limits of this process's job object; `None` if Windows does not report
/// them.
pub(crate) fn memory() -> Option<u64> {
    let mut status = MEMORYSTATUSEX { dwLength: size_of::<MEMORYSTATUSEX>() as u32, ..Default::default() };
    let mut job = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
    // SAFETY: each call writes a structure of the size it is given; a null job handle means this process's own job.
    let (machine, limited) = unsafe {
        (
            GlobalMemoryStatusEx(&raw mut status) != 0,
            QueryInformationJobObject(
                std::ptr::null_mut(),
                JobObjectExtendedLimitInformation,
                (&raw mut job).cast(),
                size_of::<JOBOBJECT_EXTENDED_LIMIT_INFORMATION>() as u32,
                std::ptr::null_mut(),
            ) != 0,
        )
    };
    let flags = if limited { job.BasicLimitInformation.LimitFlags } else { 0 };
    let of_job = |flag, bytes: usize| (flags & flag != 0).then_some(bytes as u64);
    [
        machine.then_some(status.ullTotalPhys),
        of_job(JOB_OBJECT_LIMIT_PROCESS_MEMORY, job.ProcessMemoryLimit),
        of_job(JOB_OBJECT_LIMIT_JOB_MEMORY, job.JobMemoryLimit),
    ]
    .into_iter()
    .flatten()
    .min()
}
