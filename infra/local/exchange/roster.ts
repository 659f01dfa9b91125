/** What the simulated exchange lists: 64 base assets against 4 quote assets, 256 symbols. */
const BASES = `
  BTC ETH SOL XRP ADA DOGE LTC BCH LINK DOT AVAX UNI ATOM ETC XLM ALGO
  MATIC NEAR FIL ICP VET HBAR APE SAND MANA AXS GALA CHZ ENJ BAT ZRX COMP
  AAVE MKR SNX CRV SUSHI YFI GRT LRC OMG KNC ANKR STORJ BAND NMR REN RVN
  ZEC DASH XTZ EOS NEO ONE QTUM ZIL WAVES IOTA ICX ONT HNT KAVA OCEAN SHIB`;
const QUOTES = ['USDT', 'USD', 'USDC', 'EUR'];

export const ROSTER: readonly string[] = BASES.trim()
  .split(/\s+/)
  .flatMap((base) => QUOTES.map((quote) => `${base}${quote}`));
