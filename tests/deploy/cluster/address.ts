/** The bridge's own address: what listens there is reached by pods and by this machine, and by nobody else. */
export const ADDRESS = "10.244.0.1";
