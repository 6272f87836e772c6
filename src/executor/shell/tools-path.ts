/** Where launchers find the host's programs, whatever the caller's PATH. */
export const TOOLS_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
