import { testResuming } from './resuming.ts';

testResuming(3000);
