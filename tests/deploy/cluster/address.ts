/** The bridge's own address: only pods and this machine can reach a listener there. */
export const ADDRESS = "10.244.0.1";
