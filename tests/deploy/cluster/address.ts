/** The bridge's own address. Only pods and this machine can reach a listener on it. */
export const ADDRESS = "10.244.0.1";
